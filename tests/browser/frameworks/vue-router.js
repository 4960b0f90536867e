/** Vue Router, with the history of paths, or of fragments after `?hash`. A link to `old` leads on by script. */
import { createApp, h, onMounted } from "vue";
import { createRouter, createWebHashHistory, createWebHistory, RouterLink, RouterView, useRouter } from "vue-router";

const { pathname, search } = location;
const base = pathname.slice(0, pathname.lastIndexOf("/"));
const links = ["a", "b", "b?page=2", "b#part", "old"].map((to) => h(RouterLink, { to: `/${to}` }, () => to));
const page = { render: () => links };
const old = {
  setup() {
    const router = useRouter();
    onMounted(() => router.replace("/new"));
    return () => "gone";
  },
};
const routes = [{ path: "/old", component: old }, { path: "/:name", component: page }];
const history = search === "?hash" ? createWebHashHistory(`${base}/home`) : createWebHistory(base);
createApp({ render: () => h(RouterView) }).use(createRouter({ history, routes })).mount("main");
