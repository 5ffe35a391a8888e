"""Tell the master within seconds that a mail server differs from its pillar.

In the minion's configuration, or its pillar:

.. code-block:: yaml

    beacons:
      postfix_sasl:
        - interval: 5

Events: ``salt/beacon/<minion>/postfix_sasl/drift`` with ``changes`` (``{thing: {"old", "new"}}``,
secrets hidden) when a difference appears or changes, ``.../resolved`` when there is none any
more, ``.../error`` with ``error`` when the host can't be compared; each once.
"""

import postfix_sasl_current

__version__ = postfix_sasl_current.version()

import postfix_sasl_watched

__virtualname__ = "postfix_sasl"


def __virtual__():
    return __virtualname__


def validate(config):
    """
    Check the beacon's configuration.

    config
        A list of dictionaries: ``interval``, the seconds from one look to the next, and what
        Salt itself takes for any beacon.

    Returns whether it is right, and a line that says what is wrong.
    """
    wrong = postfix_sasl_watched.problem(config)
    return wrong is None, wrong or "the configuration is valid"


def beacon(config):
    """
    Look whether anything has changed that matters, and if so, compare.

    config
        See ``validate``.

    Returns the events that are due, a list of dictionaries.

    .. code-block:: yaml

        beacons:
          postfix_sasl:
            - interval: 5
    """
    return postfix_sasl_watched.WATCH.tick(__salt__)
