"""The result of a `state.apply`, as `salt-call --out=json` gives it, in words for people."""

import json


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
        return ["FAILED, nothing was changed:", *("  " + line for line in lines if line)], False
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
    things = [text for state in states for text in flatten(state.get("changes") or {})]
    if things:
        lines.append("Would change:" if test else "Changed:")
        lines += ["  " + text for text in things]
    elif not failed:
        lines.append("Nothing to change: everything is as it should be.")
    return lines, not failed


def flatten(changes, prefix=""):
    """Return a state's `changes` as lines `thing: old → new`."""
    lines = []
    for key, value in changes.items():
        thing = f"{prefix}{key}"
        if isinstance(value, dict) and value and set(value) <= {"old", "new"}:
            lines.append(f"{clean(thing)}: {show(value.get('old'))} → {show(value.get('new'))}")
        elif isinstance(value, dict) and value:
            lines += flatten(value, thing + " ")
        elif key == "diff" and "\n" in str(value):
            marks = [line[0] for line in str(value).splitlines()[2:] if line]
            lines.append(f"{clean(thing)}: {marks.count('-')} lines → {marks.count('+')} lines")
        else:
            lines.append(f"{clean(thing)}: {show(value)}")
    return lines


def show(value):
    """Return one value of a change, short enough for a line."""
    if value is None or value == "" or value == {} or value == []:
        return "(none)"
    return clean(value if isinstance(value, str) else json.dumps(value, default=str), 60)


def clean(text, limit=100):
    """Return text as one printable line of bounded length: files and peers may hold anything."""
    line = "".join(c if c.isprintable() else " " for c in str(text)).strip()
    return line if len(line) <= limit else line[: limit - 1] + "…"
