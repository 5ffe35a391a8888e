include:
  - postfix_sasl.sync

postfix_sasl-drift-removed:
  postfix_sasl.removed:
    - part: drift
    - settings: salt://postfix_sasl/files/settings.json.jinja
