include:
  - postfix_sasl.sync

postfix_sasl-fail2ban-removed:
  postfix_sasl.removed:
    - part: fail2ban
    - settings: salt://postfix_sasl/files/settings.json.jinja
