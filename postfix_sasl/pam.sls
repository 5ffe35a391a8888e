include:
  - postfix_sasl.package

postfix_sasl-pam-applied:
  postfix_sasl.applied:
    - part: pam
    - settings: salt://postfix_sasl/files/settings.json.jinja
    - require:
      - postfix_sasl: postfix_sasl-package-applied
