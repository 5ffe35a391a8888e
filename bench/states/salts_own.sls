bench-salts_own-packages:
  pkg.installed:
    - pkgs: [postfix, sasl2-bin, libsasl2-modules, ssl-cert]

bench-salts_own-saslauthd:
  service.running:
    - name: saslauthd-postfix
    - enable: true

bench-salts_own-postfix:
  service.running:
    - name: postfix
    - enable: true
