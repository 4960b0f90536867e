/** Vue, which sets properties, or attributes such as "false" while the element has no class. */
import { createApp, h, shallowRef } from "vue";

const shown = shallowRef(null);
createApp(() => shown.value && h("koyjabo-count", shown.value)).mount("main");

window.show = (properties) => {
  shown.value = properties;
};
