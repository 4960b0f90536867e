// The compiled uWebSockets. The package itself would fall back to JavaScript.
const { platform, arch, versions } = process;
module.exports = require(`@trufflesuite/uws-js-unofficial/binaries/uws_${platform}_${arch}_${versions.modules}.node`);
