"""Ways to a controller's socket: on this machine, and over OpenSSH. `console.node.client` talks over either."""
