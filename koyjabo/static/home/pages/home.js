/** All scripts of the home page that it begins with, which `make assets` puts into one file. */

import "../../webkit/connection.js";
import "../../counting/counting.js";
import "../home.js";
import "../../receipts/link.js";
