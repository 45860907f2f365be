<!DOCTYPE html>
<html lang="<TMPL_VAR NAME="language">">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="robots" content="noindex">
  <meta name="color-scheme" content="light">
  <title>DigiOne <TMPL_VAR NAME="municipality" ESCAPE=HTML></title>
  <link rel="icon" href="<TMPL_VAR NAME="STATIC_PREFIX">platform/icon.svg" type="image/svg+xml">
  <link rel="stylesheet" href="<TMPL_VAR NAME="STATIC_PREFIX">platform/vendor/hds.css">
  <link rel="stylesheet" href="<TMPL_VAR NAME="STATIC_PREFIX">platform/site.css">
  <link rel="stylesheet" href="<TMPL_VAR NAME="STATIC_PREFIX">digione/pages.css">
  <TMPL_INCLUDE NAME="../common/script.tpl">
  <script src="<TMPL_VAR NAME="STATIC_PREFIX">bootstrap/js/skin.min.js"></script>
  <script src="<TMPL_VAR NAME="STATIC_PREFIX">common/js/portal.min.js"></script>
  <TMPL_VAR NAME="CUSTOM_SCRIPT">
</head>
<body class="text-body">
  <a class="skip-link" href="#content" trspan="skipToContent"></a>
  <header class="site-header">
    <div class="hds-container site-header__row">
      <a class="brand" href="<TMPL_VAR NAME="platform">">
        <span class="brand__name">DigiOne</span>
        <span class="brand__place"><TMPL_VAR NAME="municipality" ESCAPE=HTML></span>
      </a>
      <nav class="languages" trattribute="aria-label:languages">
        <ul>
          <TMPL_LOOP NAME="languages">
          <li><a href="<TMPL_IF NAME="signed_in">/?llnglanguage=<TMPL_VAR NAME="code"><TMPL_ELSE><TMPL_VAR NAME="platform">language/<TMPL_VAR NAME="code">?next=/sign-in</TMPL_IF>" lang="<TMPL_VAR NAME="code">" hreflang="<TMPL_VAR NAME="code">" rel="nofollow"<TMPL_IF NAME="chosen"> aria-current="true"</TMPL_IF>><span class="languages__code"><TMPL_VAR NAME="code"></span> <span class="languages__name"><TMPL_VAR NAME="name"></span></a></li>
          </TMPL_LOOP>
        </ul>
      </nav>
    </div>
  </header>
  <div id="content" tabindex="-1">
