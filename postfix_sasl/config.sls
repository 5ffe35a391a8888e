include:
  - postfix_sasl.saslauthd
  - postfix_sasl.tls

postfix_sasl-config-applied:
  postfix_sasl.applied:
    - part: config
    - settings: salt://postfix_sasl/files/settings.json.jinja
    - require:
      - postfix_sasl: postfix_sasl-saslauthd-applied
      - postfix_sasl: postfix_sasl-tls-applied
