include:
  - postfix_sasl.sync

postfix_sasl-clean-removed:
  postfix_sasl.removed:
    - settings: salt://postfix_sasl/files/settings.json.jinja
