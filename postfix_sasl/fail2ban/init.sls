include:
  - postfix_sasl.config

postfix_sasl-fail2ban-applied:
  postfix_sasl.applied:
    - part: fail2ban
    - settings: salt://postfix_sasl/files/settings.json.jinja
    - require:
      - postfix_sasl: postfix_sasl-config-applied
