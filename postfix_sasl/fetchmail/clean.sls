include:
  - postfix_sasl.sync

postfix_sasl-fetchmail-removed:
  postfix_sasl.removed:
    - part: fetchmail
    - settings: salt://postfix_sasl/files/settings.json.jinja
