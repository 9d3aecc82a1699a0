"""What the tests of several examples share."""

import pytest

from tinyrnn.text import corpora


@pytest.fixture
def ends_without_a_traceback(monkeypatch, capsys):
    """A check of an example's ``main``: what it does without its corpus, when interrupted, and with options that are wrong."""

    def check(main, wrong):
        def absent(name):
            raise corpora.CorpusError("cannot download it")

        def interrupted(name):
            raise KeyboardInterrupt

        monkeypatch.setattr(corpora, "load", absent)
        assert main([]) == 1
        assert capsys.readouterr().err == "device: cpu\ncannot download it\n"
        monkeypatch.setattr(corpora, "load", interrupted)
        assert main([]) == 130
        for options in wrong:
            with pytest.raises(SystemExit) as error:
                main(options)
            assert error.value.code == 2

    return check
