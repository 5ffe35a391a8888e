# For the master: salt-run state.orchestrate postfix_sasl.orch.rollout
include:
  - postfix_sasl.sync

postfix_sasl-rollout-rolled_out:
  postfix_sasl.rolled_out:
    - options: {{ pillar.get("rollout", {}) | json }}
