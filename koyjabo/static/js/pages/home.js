/** All scripts of the home page that it begins with, which `make assets` puts into one file. */

import "../connection.js";
import "../counting.js";
import "../home.js";
