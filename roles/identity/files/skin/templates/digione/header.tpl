<!DOCTYPE html>
<html lang="<TMPL_VAR NAME="language">">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="robots" content="noindex">
  <title trspan="authPortal">DigiOne</title>
  <link rel="icon" href="<TMPL_VAR NAME="STATIC_PREFIX"><TMPL_VAR NAME="FAVICON">" type="image/svg+xml">
  <link rel="stylesheet" href="/javascript/bootstrap4/css/bootstrap.min.css">
  <link rel="stylesheet" href="<TMPL_VAR NAME="STATIC_PREFIX">digione/pages.css">
  <TMPL_INCLUDE NAME="../common/script.tpl">
  <script src="<TMPL_VAR NAME="STATIC_PREFIX">bootstrap/js/skin.min.js"></script>
  <script src="<TMPL_VAR NAME="STATIC_PREFIX">digione/pages.js"></script>
  <script src="<TMPL_VAR NAME="STATIC_PREFIX">common/js/portal.min.js"></script>
  <script src="/javascript/bootstrap4/js/bootstrap.min.js"></script>
  <TMPL_VAR NAME="CUSTOM_SCRIPT">
</head>
<body>
  <a class="skip" href="#wrap" trspan="skipToContent">Siirry sisältöön</a>
  <header class="top">
    <p class="municipality"><TMPL_VAR NAME="municipality"></p>
    <nav class="languages" id="language-choice">
      <button type="button" class="langicon" title="fi" lang="fi">Suomeksi</button>
      <button type="button" class="langicon" title="sv" lang="sv">På svenska</button>
      <button type="button" class="langicon" title="en" lang="en">In English</button>
    </nav>
  </header>
  <div id="wrap" tabindex="-1">
