# Every mail server.
postfix_sasl:
  main:
    message_size_limit: 52428800
    delay_warning_time: 4h
    mynetworks: [127.0.0.0/8, 192.0.2.0/24]
  sasl:
    mechanisms: [PLAIN, LOGIN]
  tls:
    mode: encrypt
