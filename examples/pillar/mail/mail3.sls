# One host: laid over its role.
postfix_sasl:
  main:
    delay_warning_time: null                  # out of main.cf, so that Postfix's default holds
    smtpd_helo_required: true
  sasl:
    mechanisms: null                          # a key of the formula: its default is back
  tls:
    mode: null
    profile: null                             # here null is a value: Postfix's own protocols
  services:
    smtps: null                               # a whole section: what is below has its defaults
