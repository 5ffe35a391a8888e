"""The result of a `state.apply`, as `salt-call --out=json` gives it, in words for people."""

import json

from postfix_sasl_text import clean


def read_result(out, err, status):
    """Return what salt-call said for this machine: a dictionary of states, or a list of errors."""
    try:
        return json.loads(out[out.index("{") :])["local"]
    except (ValueError, KeyError, TypeError):
        tail = [line for line in (out + "\n" + err).splitlines() if line.strip()][-6:]
        return [f"Salt gave no result (status {status}):", *tail]


def render(result, test):
    """Return (lines to print, whether all went well) for a result of `state.apply`."""
    if not isinstance(result, dict):
        errors = result if isinstance(result, list) else [str(result)]
        lines = [clean(line, 300) for text in errors for line in str(text).splitlines()]
        return ["FAILED:", *("  " + line for line in lines if line)], False
    states = sorted(result.values(), key=lambda state: state.get("__run_num__", 0))
    lines, skipped = [], 0
    for state in states:
        if state.get("result") is not False:
            continue
        if str(state.get("comment", "")).startswith("One or more requisite failed"):
            skipped += 1
            continue
        lines.append(f"FAILED  {clean(state.get('__id__') or state.get('name', '?'))}")
        lines += ["        " + clean(text, 300) for text in str(state["comment"]).splitlines()[:12]]
    if skipped:
        lines.append(f"        ({skipped} further steps depend on this and were left out)")
    failed = bool(lines)
    changed = [text for state in states for text in changes_of(state)]
    if changed:
        lines.append("Would change:" if test else "Changed:")
        lines += ["  " + text for text in changed]
    elif not failed:
        lines.append("Nothing to change: everything is as it should be.")
    notes = [note for state in states for note in notes_of(state)]
    lines += ["Note: " + clean(note, 300) for note in notes]
    return lines, not failed


def notes_of(state):
    """Return what a state that went well says besides its changes: its comment's further lines."""
    further = str(state.get("comment", "")).splitlines()[1:]
    return [*(state.get("warnings") or ()), *(further if state.get("result") is not False else ())]


def changes_of(state):
    """Return one state's changes as lines. Some states leave it to their name what has changed."""
    changes, name = state.get("changes") or {}, str(state.get("name", ""))
    if not isinstance(changes, dict):
        return [f"{clean(name)}: {show(changes)}"]
    telling = name in changes or any(is_pair(value) for value in changes.values())
    return flatten(changes, "" if telling else name + " ")


def is_pair(value):
    """Tell whether a value of a change is one of `old` and `new`."""
    return isinstance(value, dict) and bool(value) and set(value) <= {"old", "new"}


def flatten(changes, prefix=""):
    """Return a dictionary of changes as lines `thing: old → new`."""
    lines = []
    for key, value in changes.items():
        thing = f"{prefix}{key}"
        if is_pair(value):
            lines.append(f"{clean(thing)}: {show_pair(value.get('old'), value.get('new'))}")
        elif isinstance(value, dict) and value:
            lines += flatten(value, thing + " ")
        elif key == "diff" and "\n" in str(value):
            marks = [line[0] for line in str(value).splitlines()[2:] if line]
            lines.append(f"{clean(thing)}: {marks.count('-')} lines → {marks.count('+')} lines")
        else:
            lines.append(f"{clean(thing)}: {show(value)}")
    return lines


def show_pair(old, new):
    """Return `old → new`; of two dictionaries only the fields that differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        fields = [key for key in {**old, **new} if old.get(key) != new.get(key)]
        return ", ".join(f"{clean(f)} {show_pair(old.get(f), new.get(f))}" for f in fields)
    return f"{show(old)} → {show(new)}"


def show(value):
    """Return one value of a change, short enough for a line."""
    if value is None or value == "" or value == {} or value == []:
        return "(none)"
    if isinstance(value, dict):
        text = ", ".join(f"{key} {show(field)}" for key, field in value.items())
    elif isinstance(value, list):
        text = ", ".join(map(show, value))
    elif isinstance(value, str):
        text = f"{len(value.splitlines())} lines" if "\n" in value.strip() else value
    else:
        text = json.dumps(value, default=str)
    return clean(text, 60)
