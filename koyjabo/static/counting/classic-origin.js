/** client/origin.js of the classic script, whose tag is known only while it is evaluated. */
const { src } = document.currentScript ?? document.querySelector('script[src*="/koyjabo-count.all.js"]') ?? {};

export const origin = () => src;
