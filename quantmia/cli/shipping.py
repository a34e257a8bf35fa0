"""`quantmia gate`, `certificate` and `export`: models before they are shipped."""

import argparse
from pathlib import Path

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
    parser = argparse.ArgumentParser(
        "quantmia certificate",
        description="A lower bound on the epsilon of one released model, by guesses about who was "
        "in its training, and whether such bounds held for all other runs. Members have to be "
        "drawn by coins (split.membership=coin). Writes certificate.json.",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="of a ranking")
    _add_release(parser)
    parser.add_argument("--output", type=Path, metavar="DIR", help="where certificate.json goes")
    parsed = parser.parse_args(arguments)
    _refuse_half_a_release(parsed)
    from quantmia.pipeline import shipping

    found, path = shipping.certify(
        parsed.folder,
        parsed.output,
        cache_folder(),
        parsed.run,
        parsed.quantizer,
        parsed.checkpoint,
        Progress(),
    )
    for said in found.sentences:
        print(said)
    print(f"Certificate: {path}")
    return DONE


def export(arguments: list[str]) -> int:
    """Write one released model as a file, with its hash and its figures."""
    parser = argparse.ArgumentParser(
        "quantmia export",
        description="One released model as a file: .safetensors of weights, or what a runtime "
        "runs (.onnx). It has to answer what was audited. Beside it a JSON with its hash, how "
        "features and targets are scaled, and what the ranking says of it.",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="of a ranking")
    _add_release(parser)
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="where the files go (default: DIR/export)"
    )
    parsed = parser.parse_args(arguments)
    _refuse_half_a_release(parsed)
    from quantmia.pipeline import export as pipeline

    file, card = pipeline.export(
        parsed.folder,
        parsed.output,
        cache_folder(),
        parsed.run,
        parsed.quantizer,
        parsed.checkpoint,
        Progress(),
    )
    print(f"Model: {file} ({card['bytes']:,} bytes, SHA-256 {card['sha256']})")
    print(f"Its figures: {file.with_suffix('.json')}")
    return DONE


def _add_release(parser: argparse.ArgumentParser) -> None:
    """Which model is meant."""
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


def _refuse_half_a_release(parsed: argparse.Namespace) -> None:
    if parsed.checkpoint and not parsed.quantizer:
        raise QuantmiaError("--checkpoint: name the --quantizer of the release too")
