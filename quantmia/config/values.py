"""What the value of a single key may be."""

from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt, Lt, MinLen
from pydantic import ConfigDict, Strict, StringConstraints

from quantmia.config.wording import Says
from quantmia.vocabulary import Named

CHECKED = ConfigDict(extra="forbid", allow_inf_nan=True)  # of every dataclass of the schema
Flag = Annotated[bool, Strict()]
Natural = Annotated[int, Strict(), Ge(0)]
Count = Annotated[int, Strict(), Ge(1)]
Counts = Annotated[list[Count], MinLen(1)]
Enough = Annotated[int, Strict(), Ge(100)]  # samples for a variance, or for rates of errors
Part = Annotated[float, Strict(), Ge(0), Lt(1)]
Share = Annotated[float, Strict(), Gt(0), Lt(1)]
Positive = Annotated[float, Strict(), Gt(0), Lt(float("inf"))]
NotNegative = Annotated[float, Strict(), Ge(0), Lt(float("inf"))]
CountOrAuto = Count | Literal["auto"]
Checkpoints = Annotated[
    Literal["auto"] | Named | Annotated[list[Named | Count], MinLen(1)],
    Says("auto, best, last, or a list of best, last and epochs, such as [best,last,3]"),
]
FolderName = Annotated[
    str,
    StringConstraints(strict=True, pattern=r"^[^./\x00-\x1f][^/\x00-\x1f]*$"),
    Says("a folder's name: not empty, without '/', not starting with '.'"),
]
Device = Annotated[
    str,
    StringConstraints(strict=True, pattern=r"^(auto|cpu|cuda(:\d+)?)$"),
    Says("auto, cpu, cuda or, of several GPUs, one such as cuda:1"),
]
Entry = dict[str, Any]  # `_target_` and its arguments
