include:
  - postfix_sasl.package

postfix_sasl-tls-applied:
  postfix_sasl.applied:
    - part: tls
    - settings: salt://postfix_sasl/files/settings.json.jinja
    - require:
      - postfix_sasl: postfix_sasl-package-applied
