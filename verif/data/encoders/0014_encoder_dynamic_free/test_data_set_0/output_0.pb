B
squeeze_89Jº¾LóM¿òï&¿`%¿