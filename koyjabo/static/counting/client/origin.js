/** The server of a page that names none: the server of this module. The npm package has another module here. */
export const origin = () => import.meta.url;
