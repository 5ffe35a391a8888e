include:
  - postfix_sasl.check

postfix_sasl-package-applied:
  postfix_sasl.applied:
    - part: package
    - settings: salt://postfix_sasl/files/settings.json.jinja
    - require:
      - postfix_sasl: postfix_sasl-check-pillar
