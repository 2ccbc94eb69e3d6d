"""What a checkpoint says of itself, and the seal that shows whether anybody changed it since."""

from dataclasses import asdict, dataclass, field, fields
import hashlib
import json
from pathlib import Path
from typing import Any

from mobile_vla_ros.contract import AXES, ContractError, CONVENTION, UNITS
from mobile_vla_ros.errors import one_line
from mobile_vla_ros.models.size_limits import check_ages, check_number, CHUNK
from mobile_vla_ros.preprocessing import IMAGE

KEY = 'mobile_vla_ros'  # both file formats carry the metadata under this key
FORMAT = 1
SEAL = b'sealed-sha256:'
BLANK = b'0' * 64
MEMORY = TEXT = 2**14  # values at most; with the most ages, that is a few MB


@dataclass(frozen=True)
class Metadata:
    """Everything needed to run a checkpoint, and to know where it came from."""

    model: str
    config: dict[str, Any]
    rate_hz: float
    chunk: int
    history_s: tuple[float, ...]
    memory: int  # values that are kept of a frame, for the later ones
    vision: str
    text: str
    text_width: int
    # digest, episodes, frames, seeds, action statistics
    data: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    package_version: str = ''
    axes: tuple[str, ...] = AXES
    units: tuple[str, ...] = UNITS
    convention: str = CONVENTION
    image: int = IMAGE
    format: int = FORMAT

    def __post_init__(self) -> None:
        """
        Check every value.

        :raises ContractError: naming the value and what is allowed.
        """
        try:
            check_number('rate_hz', self.rate_hz, 0.1, 1000)
            for name, low, high in (('chunk', 1, CHUNK), ('memory', 0, MEMORY),
                                    ('text_width', 1, TEXT), ('image', 1, IMAGE)):
                check_number(name, getattr(self, name), low, high, whole=True)
            check_ages(self.history_s)
        except ValueError as error:
            raise ContractError(f'metadata {error}') from error
        kinds: tuple[tuple[type, tuple[str, ...]], ...] = (
            (str, ('model', 'vision', 'text', 'package_version')),
            (dict, ('config', 'data', 'training', 'metrics')))
        for kind, names in kinds:
            for name in names:
                if not isinstance(getattr(self, name), kind):
                    raise ContractError(f'metadata {name} must be a {kind.__name__}, got '
                                        f'{getattr(self, name)!r:.80}')

    def to_json(self) -> str:
        """Return one line of JSON that ends in a blank seal."""
        return json.dumps({**asdict(self), 'seal': (SEAL + BLANK).decode()}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str, path: object) -> 'Metadata':
        """
        Rebuild and check the metadata of the file at `path`.

        :raises ContractError: naming what the file says and what this package runs.
        """
        try:
            values = json.loads(text)
            values.pop('seal')
            unknown = set(values) - {f.name for f in fields(cls)}
            if unknown:
                raise ContractError(f'unknown metadata {sorted(unknown)!r:.200}')
            for name in ('history_s', 'axes', 'units'):
                values[name] = tuple(values[name])
            metadata = cls(**values)
        except ContractError as error:
            raise ContractError(f'{path}: {error}') from error
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise ContractError(f'{path}: its metadata cannot be read '
                                f'({one_line(error)})') from error
        expected = {'format': FORMAT, 'axes': AXES, 'units': UNITS, 'convention': CONVENTION,
                    'image': IMAGE}
        for name, ours in expected.items():
            theirs = getattr(metadata, name)
            if theirs != ours:
                raise ContractError(f'{path}: its {name} is {theirs!r:.200}, '
                                    f'this package runs {ours!r}')
        return metadata


def seal(path: Path) -> str:
    """
    Write the SHA-256 of the file with its blank seal into that seal; return it.

    :raises ContractError: if the file does not hold exactly one blank seal.
    """
    content = path.read_bytes()
    if content.count(SEAL + BLANK) != 1:
        raise ContractError(f'{path}: needs exactly one blank seal to be sealed')
    digest = hashlib.sha256(content).hexdigest()
    path.write_bytes(content.replace(SEAL + BLANK, SEAL + digest.encode()))
    return digest


def verify(content: bytes, path: object) -> None:
    """
    Check a file's seal, which covers every byte of the file.

    :raises ContractError: if there is no seal, or it does not fit, as after any change.
    """
    place = content.find(SEAL)
    if place < 0:
        raise ContractError(f'{path}: not a checkpoint of this package (it has no seal)')
    start = place + len(SEAL)
    sealed = content[start:start + 64]
    blank = content[:start] + BLANK + content[start + 64:]
    if hashlib.sha256(blank).hexdigest().encode() != sealed:
        raise ContractError(f'{path}: damaged or changed since it was written (its seal does not '
                            'fit); copy it again or train it anew')
