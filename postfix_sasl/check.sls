include:
  - postfix_sasl.sync

postfix_sasl-check-pillar:
  postfix_sasl.checked:
    - settings: salt://postfix_sasl/files/settings.json.jinja
    - failhard: true
