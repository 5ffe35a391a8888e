{#- A login, followed from the client to the password and back. #}
postfix_sasl-saslauthd-login:
  module_and_function: postfix_sasl.doctor
  assertion: assertTrue
  assertion_section: healthy
