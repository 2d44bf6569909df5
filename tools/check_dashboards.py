"""Checks dashboards against the types that Grafana publishes for Python.

    pip install "grafana-foundation-sdk==1769699379!11.6.0"
    python tools/check_dashboards.py [FILE...]

Without files it checks examples/deploy/grafana/dashboards. Each file is decoded with the published
types: a key that they do not know, a value of another type, and a word that is not in an enumeration
are faults. The status is 1 when there is one.
"""

import enum
import json
import pathlib
import sys
import typing

from grafana_foundation_sdk.cog import plugins, runtime  # noqa: F401
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

# What is decoded as it stands, so that its inside is not checked.
OPEN = {"transformations", "links"}
HERE = pathlib.Path(__file__).resolve().parent


def lost(path, given, known):
    """Where `given` says something that decoding and encoding did not keep."""
    if isinstance(given, dict) and isinstance(known, dict):
        for key, value in given.items():
            if key not in known:
                if value not in (None, [], {}):
                    yield f"{path}/{key}: the types do not know this key"
            else:
                yield from lost(f"{path}/{key}", value, known[key])
    elif isinstance(given, list) and isinstance(known, list):
        if len(given) != len(known):
            yield f"{path}: {len(given)} entries became {len(known)}"
        for i, (a, b) in enumerate(zip(given, known)):
            yield from lost(f"{path}/{i}", a, b)
    elif given != known:
        yield f"{path}: {given!r} became {known!r}"


def fits(value, hint):
    """Whether `value` is of the annotated type."""
    origin = typing.get_origin(hint)
    if hint is object or hint is typing.Any:
        return True
    if origin is typing.Union:
        return any(fits(value, one) for one in typing.get_args(hint))
    if origin is typing.Literal:
        return value in typing.get_args(hint)
    if origin is list:
        inner = typing.get_args(hint)[0]
        return isinstance(value, list) and all(fits(item, inner) for item in value)
    if origin is dict:
        inner = typing.get_args(hint)[1]
        return isinstance(value, dict) and all(fits(item, inner) for item in value.values())
    if not isinstance(hint, type):
        return True
    if issubclass(hint, enum.Enum):
        return value in [one.value for one in hint] or value in list(hint)
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint)


def mistyped(path, thing, seen):
    """Where a decoded object holds a value that is not of its published type."""
    if isinstance(thing, list):
        for i, item in enumerate(thing):
            yield from mistyped(f"{path}/{i}", item, seen)
    elif isinstance(thing, dict):
        for key, item in thing.items():
            yield from mistyped(f"{path}/{key}", item, seen)
    elif hasattr(thing, "to_json") and not isinstance(thing, enum.Enum):
        module = vars(sys.modules[type(thing).__module__])
        hints = typing.get_type_hints(type(thing), module)
        for name, value in vars(thing).items():
            seen.add(type(thing).__name__)
            if name in OPEN:
                continue
            if value is not None and name in hints and not fits(value, hints[name]):
                yield f"{path}/{name}: {value!r} is no {hints[name]}"
            yield from mistyped(f"{path}/{name}", value, seen)


def check(path):
    given = json.loads(path.read_text())
    board = Dashboard.from_json(given)
    known = json.loads(json.dumps(board, cls=JSONEncoder))
    seen = set()
    faults = [*lost("", given, known), *mistyped("", board, seen)]
    return faults, seen


def main():
    plugins.register_default_plugins()
    files = [pathlib.Path(name) for name in sys.argv[1:]]
    files = files or sorted((HERE.parent / "examples/deploy/grafana/dashboards").glob("*.json"))
    failed, seen = 0, set()
    for path in files:
        faults, types = check(path)
        seen |= types
        failed += bool(faults)
        for fault in faults:
            print(f"{path.name}: {fault}")
    print(f"{len(files)} dashboards, {failed} with faults; types met: {', '.join(sorted(seen))}")
    return 1 if failed or not files else 0


if __name__ == "__main__":
    sys.exit(main())
