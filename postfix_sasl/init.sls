include:
  - postfix_sasl.check
  - postfix_sasl.package
  - postfix_sasl.pam
  - postfix_sasl.saslauthd
  - postfix_sasl.tls
  - postfix_sasl.config
  - postfix_sasl.fetchmail
  - postfix_sasl.fail2ban
  - postfix_sasl.drift
