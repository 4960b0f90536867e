/** All scripts of Overview, bundled by `make assets`. */

import "../../webkit/connection.js";
import "../../webkit/leaving.js";
import "../../webkit/parts/ages.js";
import "../../webkit/parts/menu.js";
import "../../webkit/parts/tabs.js";
import "../../webkit/charts.js";
import "../../reports/insights.js";
import "../admin.js";
import "../panel.js";
import "../../reports/panel.js";
import "../../visit_log/totals.js";
import "../../receipts/link.js";
import "../../webkit/parts/copy.js";
import "../../getting_started/first-page.js";
