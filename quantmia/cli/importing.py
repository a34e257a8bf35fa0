"""`quantmia import`: a run folder of outputs in files, or of checkpoints."""

import argparse
import json
import os
from pathlib import Path
from typing import Any, get_args

from quantmia.cli.arguments import Parser
from quantmia.config.recorded import ATTACKS
from quantmia.errors import DONE, ConfigError, OutputsError
from quantmia.tasks import TASKS
from quantmia.vocabulary import Membership, OutputKind

OF_CHECKPOINTS = (
    "model",
    "model_args",
    "data",
    "target",
    "members",
    "held_out",
    "quantizer",
    "config_dir",
)


def import_files(arguments: list[str]) -> int:
    """Make a run folder of what models answered, or of the models."""
    parsed = _parser().parse_args(arguments)
    if (parsed.file is None) == (parsed.checkpoints is None):
        raise OutputsError("quantmia import: either FILE or --checkpoints is wanted")
    given = [name for name in OF_CHECKPOINTS if getattr(parsed, name) is not None]
    if parsed.checkpoints:
        _import_checkpoints(parsed)
    elif given:
        raise OutputsError(f"--{given[0].replace('_', '-')}: is of --checkpoints, not of a FILE")
    else:
        from quantmia.recording.importing import import_outputs
        from quantmia.recording.tables import read

        import_outputs(
            read(parsed.file), parsed.output, parsed.task, parsed.outputs, parsed.membership,
            parsed.attack,
        )  # fmt: skip
    print(f"Imported: {parsed.output}. To rank it: quantmia rank {parsed.output}")
    return DONE


def _parser() -> Parser:
    parser = Parser(
        "quantmia import",
        description="Models that were trained elsewhere, made a folder that can be ranked. Of "
        "their outputs, arrays (.npz, or a folder of .npy): members [runs, samples], target "
        "[samples], outputs/NAME [runs, samples(, classes)] for every variant NAME, losses/NAME "
        "[runs, checkpoints, held-out samples] for r_Q. Or a long table (.csv, .parquet): columns "
        "run, sample, variant, member, target, output (or output_0, output_1, ...), and epoch "
        "where there are several. Or checkpoints, which quantmia quantizes itself.",
    )
    add = parser.add_argument
    add("file", type=Path, metavar="FILE", nargs="?", help="outputs")
    add("-o", "--output", type=Path, required=True, metavar="DIR")
    add("--task", choices=list(TASKS), help="default: as the targets look")
    add("--outputs", choices=get_args(OutputKind), help="what they are (default: as they look)")
    add(
        "--membership", choices=get_args(Membership),
        help="how members were drawn; coin allows a bound on epsilon",
    )  # fmt: skip
    add(
        "--attack", nargs="+", default=list(ATTACKS), metavar="NAME",
        help="that rank the variants (default: %(default)s)",
    )  # fmt: skip
    group = parser.add_argument_group("checkpoints")
    add = group.add_argument
    add(
        "--checkpoints", metavar="PATTERN",
        help="state_dicts (.safetensors, or torch's), such as 'runs/*/epoch=*.ckpt': the first * "
        "stands for the run, the second, if there is one, for the epoch",
    )  # fmt: skip
    add("--model", metavar="NAME", help="a module or what makes one, such as mine.Net")
    add("--model-args", nargs="+", metavar="NAME=VALUE", help="its arguments")
    add(
        "--data", type=Path, metavar="FILE",
        help="rows that may be members, in the order of the plan and as the models take them: an "
        ".npz with features and target, or a table of numbers (.csv, .parquet)",
    )  # fmt: skip
    add("--target", metavar="NAME", help="array or column of the targets (default: target)")
    add(
        "--members", type=Path, metavar="DIR",
        help="of quantmia plan; or an .npy [runs, samples], 1 where a run trained on a row",
    )  # fmt: skip
    add("--held-out", type=Path, metavar="FILE", help="rows that no run trained on, for r_Q")
    add(
        "--quantizer", nargs="+", metavar="NAME",
        help="default: those of quantmia run; quantmia list shows all",
    )  # fmt: skip
    add("--config-dir", metavar="DIR", help="with quantizers of your own")
    return parser


def _import_checkpoints(parsed: argparse.Namespace) -> None:
    from hydra.utils import instantiate

    from quantmia.cli.overrides import composed
    from quantmia.cli.resolvers import prepare
    from quantmia.progress import Progress
    from quantmia.quantizers import make
    from quantmia.recording.checkpoints import import_checkpoints
    from quantmia.recording.plan import Plan
    from quantmia.recording.rows import read_rows
    from quantmia.recording.states import find
    from quantmia.recording.tables import loaded

    for name in ("model", "data", "members"):
        if getattr(parsed, name) is None:
            raise OutputsError(f"--{name}: is wanted with --checkpoints")
    if parsed.membership is not None:
        raise OutputsError("--membership: is said by the plan (--members)")
    prepare()
    chosen = [] if parsed.quantizer is None else [f"quantizer=[{','.join(parsed.quantizer)}]"]
    try:
        config = composed(chosen, parsed.config_dir)
    except ConfigError as error:
        raise OutputsError("--quantizer: " + "; ".join(error.faults)) from None
    quantizers = {name: make(entry) for name, entry in config.quantizer.items()}
    model = _model(parsed.model, parsed.model_args or [])
    target = parsed.target or "target"
    import_checkpoints(
        find(parsed.checkpoints),
        read_rows(parsed.data, target),
        loaded(parsed.members) if parsed.members.suffix == ".npy" else Plan.read(parsed.members),
        parsed.output,
        instantiate(model, _partial_=True),
        quantizers,
        Progress(),
        None if parsed.held_out is None else read_rows(parsed.held_out, target),
        parsed.task,
        parsed.outputs,
        parsed.attack,
        {
            "--checkpoints": os.path.abspath(parsed.checkpoints),
            "--model": json.dumps(model, sort_keys=True),
        },
    )


def _model(name: str, arguments: list[str]) -> dict[str, Any]:
    """What Hydra makes the architecture of.

    Raises:
        OutputsError: there is no such thing, or it does not take the arguments.
    """
    from omegaconf import OmegaConf
    from yaml import YAMLError

    from quantmia.config.targets import target_faults

    for text in arguments:
        if "=" not in text:
            raise OutputsError(f"--model-args {text}: NAME=VALUE is wanted, such as hidden=[64]")
    try:
        given = OmegaConf.to_container(OmegaConf.from_dotlist(arguments))
    except YAMLError as error:
        raise OutputsError(f"--model-args: cannot be read ({error})") from None
    assert isinstance(given, dict)
    entry = {"_target_": name, **{str(key): value for key, value in given.items()}}
    if faults := target_faults({"model": entry}, ()):
        raise OutputsError("; ".join(faults).replace("model._target_", "--model", 1))
    return entry
