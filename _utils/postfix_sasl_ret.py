"""What a state function returns, built in one place."""

from postfix_sasl_text import visible


def unchanged(name, comment):
    """The host is as wanted already.

    name
        The state's name.

    comment
        One line for people.

    Returns a state return with result True.
    """
    return _built(name, True, comment)


def failed(name, comment):
    """The state could not do its work.

    name
        The state's name.

    comment
        The reason, and what to do: a string, or the exception that says so.

    Returns a state return with result False.
    """
    return _built(name, False, str(comment))


def result(name, changes, test, what):
    """The host was changed, would be changed, or is as wanted already.

    name
        The state's name.

    changes
        ``{thing: {"old": ..., "new": ...}}``, empty where there is nothing to do.

    test
        Whether this is a dry run.

    what
        What was looked at, for the comment: ``/etc/postfix/main.cf``.

    Returns a state return with result True, or None where a dry run found something to do.
    """
    if not changes:
        return unchanged(name, f"{what}: already as wanted")
    verb = "would change" if test else "changed"
    comment = f"{what}: {verb} {', '.join(changes)}"
    return _built(name, None if test else True, comment, changes)


def waiting(name, comment):
    """A dry run cannot tell yet, since an earlier state has work to do first.

    name
        The state's name.

    comment
        What is missing.

    Returns a state return with result None.
    """
    return _built(name, None, comment)


def _built(name, result, comment, changes=None):
    changes = visible(changes or {})
    return {"name": name, "result": result, "changes": changes, "comment": visible(comment)}
