{#- For the master: apply the formula on a minion that has told of drift, be it by its schedule or
    by the beacon. In the master's configuration:

    reactor:
      - postfix_sasl/drift:
        - salt://postfix_sasl/reactor/drift.sls
      - salt/beacon/*/postfix_sasl/drift:
        - salt://postfix_sasl/reactor/drift.sls

    The name comes from the minion, so it is taken as a name and not as a pattern. #}
{%- if data.get("data", data).get("drifted") %}
postfix_sasl-drift-corrected:
  local.state.apply:
    - tgt: {{ data["id"] | json }}
    - tgt_type: list
    - args:
      - mods: postfix_sasl
{%- endif %}
