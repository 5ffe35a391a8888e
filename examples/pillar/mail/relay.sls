# Those with the role relay: laid over common.
postfix_sasl:
  main:
    message_size_limit: 104857600             # one parameter is another; the rest stays
    mynetworks: [127.0.0.0/8, 198.51.100.0/24]  # a list is replaced as a whole
  sasl:
    mechanisms: [PLAIN]
  services:
    smtps: {enabled: false}
