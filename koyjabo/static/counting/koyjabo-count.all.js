// The element as a classic script. `make assets` puts everything that it needs into this file, for copies on other hosts.
void import("./koyjabo-count.js");
