"""The table in the README of PyTorch's names for recurrent programs: which are here, which differ and how, which are not.

    python -m tests.pytorch_names            # print it
    python -m tests.pytorch_names --write    # and put it into README.md

A name is "partial" if it takes fewer arguments than PyTorch's (read from both signatures) or is in DIFFERENCES. PyTorch must be
installed: only names that it really has are compared.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- names: python -m tests.pytorch_names --write -->", "<!-- end of names -->"

NAMES = {
    "torch": """
        tensor as_tensor from_numpy empty zeros ones full zeros_like ones_like empty_like full_like rand_like randn_like eye arange
        linspace logspace rand randn randint randperm normal bernoulli multinomial meshgrid tril triu diag Tensor FloatTensor
        DoubleTensor HalfTensor LongTensor IntTensor ByteTensor BoolTensor ShortTensor CharTensor Size device dtype Generator abs add
        sub mul div pow exp log log2 log10 log1p expm1 sqrt rsqrt square reciprocal sin cos tan sinh cosh tanh atan sigmoid relu
        softmax log_softmax logsumexp clamp where maximum minimum sum prod mean var std median mode max min argmax argmin all any
        cumsum cumprod norm dot mv mm bmm addmm baddbmm matmul outer ger einsum cat concat stack hstack vstack split chunk unbind
        squeeze unsqueeze transpose permute movedim flatten reshape broadcast_to repeat_interleave tile roll flip gather scatter
        scatter_add index_select index_add masked_select masked_fill take nonzero sort argsort topk unique bincount searchsorted
        allclose isclose equal eq ne lt le gt ge logical_and logical_or logical_not isnan isinf isfinite nan_to_num sign floor ceil
        round trunc fmod remainder lerp addcmul addcdiv erf cdist no_grad enable_grad inference_mode set_grad_enabled is_grad_enabled
        is_tensor is_floating_point numel save load manual_seed initial_seed get_rng_state set_rng_state set_num_threads
        get_num_threads set_default_dtype get_default_dtype set_default_device set_printoptions finfo iinfo result_type
        use_deterministic_algorithms float16 bfloat16 float32 float64 uint8 int8 int16 int32 int64 complex64 compile einsum vmap
        quantile histc cov cummax hsplit vsplit dsplit block_diag cartesian_prod combinations set_float32_matmul_precision
        get_float32_matmul_precision lgamma erfinv fft linalg sparse special stft""",
    "torch.Tensor": """
        data grad grad_fn is_leaf requires_grad shape size dim ndim numel nelement element_size item tolist numpy cpu cuda to type
        type_as device dtype float double half long int short byte char bool contiguous is_contiguous stride clone detach detach_
        copy_ fill_ zero_ normal_ uniform_ bernoulli_ random_ exponential_ add_ sub_ mul_ div_ pow_ clamp_ exp_ sqrt_ neg_ sigmoid_
        tanh_ relu_ addcmul_ addcdiv_ addmm_ lerp_ masked_fill_ masked_scatter_ index_fill_ index_copy_ index_add_ scatter_
        scatter_add_ new new_empty new_zeros new_ones new_full new_tensor expand expand_as view view_as reshape repeat T mT t t_
        transpose_ squeeze_ unsqueeze_ resize_ resize_as_ unfold select narrow diagonal nonzero topk sort max min register_hook
        retain_grad requires_grad_ backward apply_ map_ is_cuda is_sparse data_ptr share_memory_ pin_memory softmax log_softmax
        set_ storage to_sparse cholesky""",
    "torch.nn": """
        Module Parameter ParameterList ParameterDict ModuleList ModuleDict Sequential Identity Linear LazyLinear Bilinear Embedding
        EmbeddingBag Dropout AlphaDropout LayerNorm RMSNorm GroupNorm BatchNorm1d Conv1d MaxPool1d AvgPool1d AdaptiveAvgPool1d
        AdaptiveMaxPool1d RNNBase RNN GRU LSTM RNNCellBase RNNCell GRUCell LSTMCell ReLU LeakyReLU ELU SELU SiLU GELU Tanh Sigmoid
        LogSigmoid Softmax LogSoftmax Softmin Softplus Softsign Hardtanh PReLU GLU Flatten Unflatten CrossEntropyLoss NLLLoss MSELoss
        L1Loss SmoothL1Loss HuberLoss BCELoss BCEWithLogitsLoss KLDivLoss CosineEmbeddingLoss MarginRankingLoss TripletMarginLoss
        TripletMarginWithDistanceLoss HingeEmbeddingLoss SoftMarginLoss MultiMarginLoss MultiLabelSoftMarginLoss MultiLabelMarginLoss
        PoissonNLLLoss GaussianNLLLoss CTCLoss AdaptiveLogSoftmaxWithLoss Upsample CosineSimilarity
        PairwiseDistance MultiheadAttention TransformerEncoder TransformerEncoderLayer TransformerDecoder TransformerDecoderLayer
        Transformer DataParallel Conv2d BatchNorm2d MaxPool2d""",
    "torch.nn.functional": """
        linear bilinear embedding embedding_bag one_hot relu leaky_relu elu selu silu gelu sigmoid logsigmoid tanh softmax
        log_softmax softmin softplus softsign hardtanh glu dropout cross_entropy nll_loss mse_loss l1_loss smooth_l1_loss huber_loss
        binary_cross_entropy binary_cross_entropy_with_logits kl_div cosine_embedding_loss margin_ranking_loss triplet_margin_loss
        triplet_margin_with_distance_loss hinge_embedding_loss soft_margin_loss multi_margin_loss multilabel_soft_margin_loss
        poisson_nll_loss gaussian_nll_loss interpolate cosine_similarity
        pairwise_distance conv1d max_pool1d avg_pool1d adaptive_avg_pool1d batch_norm layer_norm pad normalize gumbel_softmax
        scaled_dot_product_attention ctc_loss conv2d""",
    "torch.nn.init": """
        uniform_ normal_ trunc_normal_ constant_ zeros_ ones_ eye_ dirac_ xavier_uniform_ xavier_normal_ kaiming_uniform_
        kaiming_normal_ orthogonal_ sparse_ calculate_gain""",
    "torch.nn.utils": """
        clip_grad_norm_ clip_grad_value_ get_total_norm parameters_to_vector vector_to_parameters weight_norm remove_weight_norm
        spectral_norm parametrizations""",
    "torch.nn.utils.rnn": """
        PackedSequence pack_padded_sequence pad_packed_sequence pack_sequence unpack_sequence pad_sequence unpad_sequence
        invert_permutation""",
    "torch.optim": """
        Optimizer SGD Adam AdamW Adamax NAdam RAdam Adagrad Adadelta RMSprop ASGD Rprop LBFGS SparseAdam swa_utils""",
    "torch.optim.swa_utils": """
        AveragedModel update_bn SWALR get_ema_avg_fn get_ema_multi_avg_fn get_swa_avg_fn get_swa_multi_avg_fn""",
    "torch.optim.lr_scheduler": """
        LRScheduler LambdaLR MultiplicativeLR StepLR MultiStepLR ConstantLR LinearLR ExponentialLR PolynomialLR CosineAnnealingLR
        CosineAnnealingWarmRestarts CyclicLR OneCycleLR ReduceLROnPlateau SequentialLR ChainedScheduler""",
    "torch.utils.data": """
        Dataset IterableDataset TensorDataset ConcatDataset ChainDataset StackDataset Subset random_split DataLoader Sampler
        RandomSampler SequentialSampler SubsetRandomSampler BatchSampler WeightedRandomSampler default_collate default_convert
        get_worker_info""",
    "torch.autograd": """
        Variable Function grad backward gradcheck gradgradcheck detect_anomaly set_detect_anomaly functional profiler""",
    "torch.distributions": """
        Distribution Categorical OneHotCategorical Normal Bernoulli Uniform Exponential Gumbel Independent MixtureSameFamily
        Multinomial MultivariateNormal kl_divergence""",
    "torch.cuda": """
        is_available device_count current_device set_device device get_device_name get_device_capability get_device_properties
        synchronize memory_allocated max_memory_allocated memory_reserved reset_peak_memory_stats empty_cache manual_seed
        manual_seed_all Event Stream amp""",
    "torch.serialization": "add_safe_globals safe_globals clear_safe_globals get_safe_globals",
    "torch.jit": "script trace",
    "torch.onnx": "export",
}

# There, to say why not.
REFUSED = {"torch.jit.script", "torch.jit.trace", "torch.onnx.export", "torch.Tensor.share_memory_"}

DIFFERENCES = {
    "torch.manual_seed": "equal seeds repeat a run, with other numbers than PyTorch's",
    "torch.use_deterministic_algorithms": "it is always so",
    "torch.utils.data.DataLoader": "workers are accepted; batches are made in this process",
}

# Arguments that choose between implementations of the same thing, or exist for TorchScript, sparse or quantised tensors.
IMMATERIAL = {
    *("foreach", "fused", "capturable", "differentiable", "args", "kwargs"),
    *("input", "self", "memory_format", "orig_func", "pickle_load_args"),
}


def signature(f: object) -> dict[str, inspect.Parameter] | None:
    """The parameters by name; ``None`` for what is written in C and does not tell."""
    try:
        return dict(inspect.signature(f).parameters)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None


def fewer_arguments(theirs: object, ours: object) -> list[str]:
    """The names of arguments that PyTorch's takes and ours does not."""
    wanted, taken = signature(theirs), signature(ours)
    if wanted is None or taken is None or any(p.kind is p.VAR_KEYWORD for p in taken.values()):
        return []
    return [name for name in wanted if name not in taken and name not in IMMATERIAL and not name.startswith("_")]


def room_of(path: str, root: str) -> object:
    """The module ``torch.nn``, or the class ``torch.Tensor``, of PyTorch or of tinyrnn."""
    name = root + path[len("torch") :]
    if name.endswith(".Tensor"):
        return importlib.import_module(root).Tensor
    return importlib.import_module(name)


def compare(path: str) -> tuple[list[str], list[str], list[str]]:
    """Of one room the names that are here, those that differ (with the difference), and those that are not here."""
    theirs, ours = room_of(path, "torch"), room_of(path, "tinyrnn")
    has, partial, lacks = [], [], []
    for name in sorted(dict.fromkeys(NAMES[path].split()), key=lambda n: (n.lower(), n)):
        assert hasattr(theirs, name), f"PyTorch has no {path}.{name}"
        full = f"{path}.{name}"
        if not hasattr(ours, name) or full in REFUSED:
            lacks.append(f"`{name}`")
        elif full in DIFFERENCES:
            partial.append(f"`{name}` ({DIFFERENCES[full]})")
        elif missing := fewer_arguments(getattr(theirs, name), getattr(ours, name)):
            partial.append(f"`{name}` (without {', '.join(missing)})")
        else:
            has.append(f"`{name}`")
    return has, partial, lacks


def table() -> str:
    """The table in Markdown."""
    lines = ["| room | here | partly | not here |", "| --- | --- | --- | --- |"]
    lines += [f"| `{path}` | " + " | ".join(" ".join(names) for names in compare(path)) + " |" for path in NAMES]
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Print the table, or write it into the README."""
    if "--write" not in arguments:
        print(table())
        return 0
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    README.write_text(f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
