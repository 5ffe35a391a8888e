include:
  - postfix_sasl.package
  - postfix_sasl.pam

postfix_sasl-saslauthd-applied:
  postfix_sasl.applied:
    - part: saslauthd
    - settings: salt://postfix_sasl/files/settings.json.jinja
    - require:
      - postfix_sasl: postfix_sasl-package-applied
      - postfix_sasl: postfix_sasl-pam-applied
