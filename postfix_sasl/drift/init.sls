include:
  - postfix_sasl.fetchmail

postfix_sasl-drift-applied:
  postfix_sasl.applied:
    - part: drift
    - settings: salt://postfix_sasl/files/settings.json.jinja
    - require:
      - postfix_sasl: postfix_sasl-fetchmail-applied
