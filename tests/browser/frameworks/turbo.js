/** Turbo: Drive replaces the body for each link, frames and streams replace parts of it. */
import * as Turbo from "@hotwired/turbo";

window.Turbo = Turbo;
