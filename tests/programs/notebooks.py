"""The code of a tutorial, taken out of its text: fenced blocks, or the cells of a notebook that was printed."""

import ast
import re

# What a notebook prints of a value, where it could be taken for code.
SHOWN = ("tensor(", "array(", "device(", "torch.Size(", "Variable ")


def fenced(text):
    """The blocks between lines of three backticks, with their own indentation."""
    blocks = re.findall(r"^[ ]*```[^\n]*\n(.*?)^[ ]*```", text, flags=re.DOTALL | re.MULTILINE)
    return [re.sub(r"\n[ \t]*$", "\n", block) for block in blocks]


def cells(text):
    """The cells ``In [n]:``, of each the longest beginning that is Python, without magics and without what it showed.

    What a cell ends with is printed, as a notebook does.
    """
    found = []
    for cell in re.split(r"^In \[[\d ]*\]:\n", text, flags=re.MULTILINE)[1:]:
        lines = ["" if line.startswith(("%", "??")) else line for line in cell.splitlines()]
        module = next(filter(None, (_parsed(lines[:end]) for end in range(len(lines), 0, -1))), ast.Module([], []))
        body = [node for node in module.body if not _is_shown(node)]
        if body and isinstance(body[-1], ast.Expr) and not _calls_print(body[-1]):
            body[-1] = ast.parse(f"print(repr({ast.unparse(body[-1])}))").body[0]
        found.append("\n".join(map(ast.unparse, body)) + "\n")
    return found


def _parsed(lines):
    try:
        return ast.parse("\n".join(lines))
    except SyntaxError:
        return None


def _calls_print(node):
    return ast.unparse(node).startswith("print(")


def _is_shown(node):
    """A literal, the representation of a value, or a word of the text around."""
    if not isinstance(node, ast.Expr):
        return False
    source = ast.unparse(node)
    if source.removeprefix("(").startswith(SHOWN) or not source.isascii():
        return True
    try:
        ast.literal_eval(node.value)
    except ValueError:
        return False
    return True
