base:
  '*':
    - mail.common
  'roles:relay':
    - match: grain
    - mail.relay
  mail3.example.org:
    - mail.mail3
