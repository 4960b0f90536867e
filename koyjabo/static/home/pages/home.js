/** The scripts that the home page starts with, bundled into one file by `make assets`. */

import "../../webkit/connection.js";
import "../../counting/counting.js";
import "../home.js";
import "../../receipts/link.js";
