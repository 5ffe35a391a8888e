include:
  - postfix_sasl.config

postfix_sasl-fetchmail-applied:
  postfix_sasl.applied:
    - part: fetchmail
    - settings: salt://postfix_sasl/files/settings.json.jinja
    - require:
      - postfix_sasl: postfix_sasl-config-applied
