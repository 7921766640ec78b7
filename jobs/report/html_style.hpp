// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace rove::jobs::html {

/// One column on a phone, wider tables scroll by themselves; colours are told apart by lightness too.
inline constexpr const char* kStyle = R"(
:root{color-scheme:light dark;--page:#fbfaf8;--card:#fff;--text:#23262b;--soft:#626972;--rule:#e3e1dc;
--strong:#2f6690;--light:#a9c7de;--track:#efede9;--second:#b5651d;--good:#2d6a4f;--bad:#a4303f}
@media(prefers-color-scheme:dark){:root{--page:#16181b;--card:#1e2125;--text:#e4e6e8;--soft:#9aa2ab;--rule:#33383e;
--strong:#7fb3d8;--light:#3b5f7b;--track:#2a2e33;--second:#e0a062;--good:#7fc8a0;--bad:#f0909b}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text);font:16px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:60rem;margin:0 auto;padding:1.5rem 1rem 4rem}
h1{font-size:1.6rem;line-height:1.25;margin:0 0 .25rem}
h2{font-size:1.12rem;line-height:1.35;margin:0 0 .9rem}
p{margin:.4rem 0}.soft,small{color:var(--soft)}
section{background:var(--card);border:1px solid var(--rule);border-radius:8px;padding:1.1rem 1.2rem;margin:1rem 0}
.attention{border-left:4px solid var(--bad)}.attention ul{margin:0;padding-left:1.2rem}
.calm{border-left:4px solid var(--good)}.calm h2{margin:0}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(11rem,1fr));gap:1rem;margin:1.2rem 0 1rem}
.tile{border-top:2px solid var(--strong);padding-top:.5rem}
.tile b{display:block;font-size:1.45rem;line-height:1.3;font-weight:600;font-variant-numeric:tabular-nums}
.tile span{display:block;color:var(--soft);font-size:.88rem}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:.94rem}
th,td{text-align:right;padding:.32rem .1rem .32rem .9rem;border-bottom:1px solid var(--rule);white-space:nowrap}
th:first-child,td:first-child{text-align:left;padding-left:0}
th{font-weight:500;color:var(--soft)}tr:last-child td{border-bottom:0}
.up{color:var(--good)}.down{color:var(--bad)}
.rows{display:grid;grid-template-columns:minmax(5rem,auto) minmax(3rem,1fr) auto;gap:.35rem .9rem;align-items:center;
font-size:.94rem;font-variant-numeric:tabular-nums}
.rows .in{padding-left:1.1rem;color:var(--soft)}.rows .value{text-align:right;white-space:nowrap}.value small{display:inline-block;min-width:4.8em}
svg{display:block;width:100%}
.bar{height:.85rem}.track{fill:var(--track)}.outer{fill:var(--light)}.inner{fill:var(--strong)}
.in+.bar{height:.5rem}
figure{margin:1.2rem 0 0}figcaption{color:var(--soft);font-size:.9rem;margin-bottom:.5rem}
.plot{position:relative;padding-left:4.4rem;margin-top:.7rem}.plot svg{height:11rem;overflow:visible}
.y span{position:absolute;right:calc(100% - 3.9rem);transform:translateY(-50%);font-size:.8rem;color:var(--soft);
font-variant-numeric:tabular-nums;white-space:nowrap}
.y{position:absolute;inset:0}
.x{display:flex;justify-content:space-between;padding-left:4.4rem;font-size:.8rem;color:var(--soft);margin-top:.25rem}
.grid{stroke:var(--rule);fill:none;vector-effect:non-scaling-stroke}
.line,.dots,.limit{fill:none;vector-effect:non-scaling-stroke;stroke-width:2;stroke-linejoin:round}
.dots{stroke-width:7;stroke-linecap:round}
.limit{stroke:var(--bad);stroke-dasharray:6 4}
.s0{stroke:var(--strong)}.s1{stroke:var(--second)}.line.s1{stroke-dasharray:7 4}
.legend{font-size:.85rem;display:flex;gap:1.2rem;flex-wrap:wrap}
.key::before{content:"";display:inline-block;width:1.4rem;border-top:3px solid;margin-right:.4rem;vertical-align:.25rem}
.key.s0::before{border-color:var(--strong)}.key.s1::before{border-color:var(--second);border-top-style:dashed}
.key.inner::before,.key.outer::before{border-top-width:.7rem;width:.7rem;vertical-align:-.02rem}
.key.inner::before{border-color:var(--strong)}.key.outer::before{border-color:var(--light)}
details summary{cursor:pointer;font-weight:600}
pre{overflow-x:auto;font:.85rem/1.45 ui-monospace,Menlo,Consolas,monospace;margin:.8rem 0 0}
@media(max-width:30rem){section{padding:.9rem .8rem}.plot svg{height:9rem}}
@media print{body{background:none;font-size:10pt}main{max-width:none;padding:0}
section{border:0;padding:0;margin:1.2rem 0;break-inside:avoid}.attention,.calm{padding-left:.8rem}
svg *,.key::before{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
)";

}  // namespace rove::jobs::html
