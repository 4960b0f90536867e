/** All scripts of Overview, which `make assets` puts into one file. */

import "../connection.js";
import "../parts/menu.js";
import "../parts/tabs.js";
import "../charts.js";
import "../insights/insights.js";
import "../admin.js";
import "../panel.js";
import "../insights/panel.js";
import "../realtime.js";
