"""`quantmia gate`, `certificate` and `export`: models before they are shipped."""

from pathlib import Path

from quantmia.cli.arguments import Parser
from quantmia.cli.folders import at_least, cache_folder, folders_parser
from quantmia.errors import DONE, LEAKS, TOO_FEW, QuantmiaError
from quantmia.progress import Progress


def gate(arguments: list[str]) -> int:
    """Decide whether what leaks is below a limit, for scripts and model cards."""
    parser = folders_parser(
        "gate",
        "Whether an attacker's advantage is below a limit, for every variant after its last epoch. "
        "Exit code 0: all are; 3: one leaks more; 4: too few runs to say; 2: a mistake. Writes "
        "gate.json, with a paragraph for a model card.",
        "where gate.json goes",
    )
    parser.add_argument(
        "--advantage", type=float, required=True, metavar="LIMIT",
        help="of the advantage (true minus false positive rate), from 0 to below 1",
    )  # fmt: skip
    parser.add_argument(
        "--against", metavar="NAME",
        help="limit how much larger it is than against this one, such as full_precision",
    )  # fmt: skip
    parsed = parser.parse_args(arguments)
    if not 0 <= parsed.advantage < 1:
        raise QuantmiaError(f"--advantage {parsed.advantage}: has to be from 0 to below 1.")
    from quantmia.pipeline import shipping

    found, path = shipping.decide(
        parsed.folders, parsed.output, cache_folder(), parsed.advantage, parsed.against, Progress()
    )
    for said in found.sentences:
        print(said)
    print(f"For a model card: {path}")
    return {"within": DONE, "leaks": LEAKS, "few": TOO_FEW}[found.outcome]


def certificate(arguments: list[str]) -> int:
    """Say what one released model gives away about its own members."""
    chosen = _release(
        "certificate",
        "A lower bound on the epsilon of one released model, by guesses about who was in its "
        "training, and whether such bounds held for all other runs. Members have to be drawn by "
        "coins (split.membership=coin). Writes certificate.json.",
        "where certificate.json goes",
        arguments,
    )
    from quantmia.pipeline import shipping

    found, path = shipping.certify(*chosen, Progress())
    for said in found.sentences:
        print(said)
    print(f"Certificate: {path}")
    return DONE


def export(arguments: list[str]) -> int:
    """Write one released model as a file, with its hash and its figures."""
    chosen = _release(
        "export",
        "One released model as a file: .safetensors of weights, or what a runtime runs (.onnx, "
        ".gguf, .pt2; OpenVINO's two files as .zip). It has to answer what was audited. Beside it "
        "a JSON with its hash, how features and targets are scaled, and what the ranking says.",
        "where the files go (default: DIR/export)",
        arguments,
    )
    from quantmia.pipeline.export import export as write

    file, card = write(*chosen, Progress())
    print(f"Model: {file} ({card['bytes']:,} bytes, SHA-256 {card['sha256']})")
    print(f"Its figures: {file.with_suffix('.json')}")
    return DONE


def _release(
    command: str, description: str, output: str, arguments: list[str]
) -> tuple[Path, Path | None, Path, int, str | None, str | None]:
    """Folder, output, cache, run, quantizer and checkpoint of the model that is meant."""
    parser = Parser(f"quantmia {command}", description=description)
    parser.add_argument("folder", type=Path, metavar="DIR", help="of a ranking")
    parser.add_argument(
        "--run", type=at_least(0), default=0, metavar="N", help="the released model (default: 0)"
    )
    parser.add_argument(
        "--quantizer", metavar="NAME", help="of the release (default: what the ranking says)"
    )
    parser.add_argument(
        "--checkpoint", metavar="NAME",
        help="of the release: best, last or an epoch (default: what the ranking says, or last)",
    )  # fmt: skip
    parser.add_argument("--output", type=Path, metavar="DIR", help=output)
    given = parser.parse_args(arguments)
    if given.checkpoint and not given.quantizer:
        raise QuantmiaError("--checkpoint: name the --quantizer of the release too")
    where = given.folder, given.output, cache_folder()
    return *where, given.run, given.quantizer, given.checkpoint
